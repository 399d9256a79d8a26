"""What every service may stand on. It knows no service."""
