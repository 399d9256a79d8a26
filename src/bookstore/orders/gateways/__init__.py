"""Payment gateways: whoever takes the money for orders."""
