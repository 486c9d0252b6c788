cuda = "stand-in"
