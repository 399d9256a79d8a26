"""What the shop costs and carries, measured as ratios in one run on whatever machine this is."""
