"""Results to take away: tables as CSV and LaTeX, reports as text and JSON, plots, comparisons."""
