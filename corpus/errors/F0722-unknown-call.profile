{"call":"openat","args":["0xffffff9c","0x7ffe0000","0x80000"],"count":12}
{"call":"opneat","count":3}
{"call":"open","abi":"aarch64"}
{"call":"read","abi":"pdp11"}
{"nr":1,"arch":"0xdeadbeef"}
{"call":"opneat","count":5}
