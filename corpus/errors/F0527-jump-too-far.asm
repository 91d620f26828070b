        jeq #1, far
        .repeat 256 ld [0]
far:    ret allow
