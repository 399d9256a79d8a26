"""BookStore: an online marketplace for new and second-hand books."""
