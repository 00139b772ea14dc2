"""The sliding-window enhancement: any method, applied to enlarged windows of the image as well."""
