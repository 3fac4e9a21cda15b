"""What the web server cannot be told on its command line (see the Procfile)."""

import gunicorn.http.message

# A search of ten thousand characters should reach the page that says what is wrong with it; the server's own limit
# of 8,190 bytes would answer first, and its settings can only lift that limit altogether.
gunicorn.http.message.MAX_REQUEST_LINE = 65_536
limit_request_line = 65_535
