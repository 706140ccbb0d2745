"""The kit that makes another machine the controller when this one is lost."""
