"""Model of energy and area: what a layer costs, from events that were counted."""
