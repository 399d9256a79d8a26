"""`bookstore serve --split`: the three services as processes of their own, with nginx in front."""
