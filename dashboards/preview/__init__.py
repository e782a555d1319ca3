"""Pictures of the dashboards, for whoever changes them: needs Node and Chromium, and is no part of the product."""
