        ld [0xfffff040]
        ret a
