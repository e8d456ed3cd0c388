"""What a venue is made of: its file, its table of tiers, and what each of their values rests on."""
