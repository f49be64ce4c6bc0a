"""Colours of pictures and pages."""

FILLS = {
    "kept": "#e6f4ea",
    "leaked": "#f8c9c4",
    "starved": "#fdecc0",
    "moved_by_other": "#e9d5f5",
}
RED, GREY, TRAINED, OTHER = "#c5221f", "#80868b", "#a8dab5", "#e8eaed"
RULE = "#dadce0"
DARK = {
    RED: "#ff8a80",
    GREY: "#9aa4b0",
    TRAINED: "#1e5b34",
    OTHER: "#2b2f34",
    RULE: "#3b424c",
    "#ffffff": "#14171b",
}
"""Colour of a graph → its counterpart on a dark page."""
