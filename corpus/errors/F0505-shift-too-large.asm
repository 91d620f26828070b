        ld [0]
        rsh #32
        ret a
