"""The website as strangers see it: visitors, search engines, phones. Nothing but the site's own host is asked."""
