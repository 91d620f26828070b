        .insn 0xf7, 0, 0, 0, 0
        exit
