        ret allow
        ld [0]
