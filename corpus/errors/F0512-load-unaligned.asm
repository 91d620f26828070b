        ld [18]
        ret a
