"""Training scripts in the manner of what people write, and the inventories of them."""
