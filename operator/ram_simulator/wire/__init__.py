"""The wire: HTTP requests become calls, answers and errors become replies. No rule of any service is here."""
