"""What the people who keep this project run: it makes data that the site ships with, and is not shipped itself."""
