"""What every simulated system stands on: time, instruments, pages, HTTP, and control."""
