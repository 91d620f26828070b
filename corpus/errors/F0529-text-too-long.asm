        .repeat 65535 ld [0]
        ret allow
