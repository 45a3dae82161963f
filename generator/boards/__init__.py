"""How series are shown: panels, boards, and the rows that all systems share."""
