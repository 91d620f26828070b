        ld #017
        ret a
