"""The register of preparedness: what people did, planned and owe, one YAML file a record in the site's folder."""
