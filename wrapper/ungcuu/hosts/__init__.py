"""The inventory and the way to a host: sites, facts, SSH, enrolment, programs that run there."""
