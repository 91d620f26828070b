; no instructions
