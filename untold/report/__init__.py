"""What people read: wording, figures, tables and the page."""
