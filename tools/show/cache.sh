# Claims about the kernel cache. It does not exist yet.
why="the kernel cache does not exist yet"
unproven "corruption sweep: every byte flipped, every truncation" "no wrong hit, no crash, healed" "$why"
unproven "kill -9 at 2,000 random instants" "no bad entry; one leftover a kill at most" "$why"
unproven "faults at the N-th open, write, rename, close" "a correct kernel all the same" "$why"
unproven "32 processes x 10,000 operations on 64 keys" "no error, every entry verifies" "$why"
unproven "disk hit; memory hit" "<= 1 ms; <= 1 µs" "$why"
