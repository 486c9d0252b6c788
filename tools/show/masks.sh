# Claims about block sparsity from the expression. Masks are classified by brute force so far.
claim "the brute-force block mask equals the mask at every pair" "0 tiles off" tests '^mask$'
why="tile programs do not exist yet: masks are classified by evaluating every pair"
unproven "no empty tile with a live pair, no full tile with a dead one, on 10,000 random masks" "0" "$why"
unproven "refine=exact equals brute force" "equal" "$why"
unproven "block mask at 1M x 1M tokens, block 128: bands; documents" "<= 1 ms and 1 MB; <= 20 ms" "$why"
