"""What is sent, when and to whom: campaigns and their deliveries."""
