again:  ld [0]
        jmp again
