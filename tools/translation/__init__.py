"""What pages say, collected for translators: from the templates, and from the Python that writes sentences."""
