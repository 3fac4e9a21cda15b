"""Answers assistants over the Model Context Protocol: the questions of the JSON API as tools, and nothing that changes.

Only ``server`` needs the optional package of the protocol; the site itself never loads this package.
"""
