"""Release of reservations: abandoned ones, garbage, and all of them at an uninstall."""
