"""The ground truth of what a person at an app's page gets: a driver that asks as the page does, and Chromium itself."""
