        .insn 0xb7, 11, 0, 0, 0
        exit
