"""The frame around the pages: router, state, widgets, components and HTTP routes."""
