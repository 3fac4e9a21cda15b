"""The site for programs: the JSON API, its documentation, and a read API in the Hub's own shape."""
