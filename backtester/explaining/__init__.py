"""Why two accounts end apart: where they part, which trades differ, who took whom down, what isolation cost."""
