"""The access logs of the web servers: what they show that no file and no page does. Every byte is a visitor's word."""
