"""What a study is: its configuration, and everything about it that is known before any job runs."""
