        .insn 0x0e, 0, 0, 0
        ret allow
