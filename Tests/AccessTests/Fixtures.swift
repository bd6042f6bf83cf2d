// Keys and tokens made by PyJWT 2 and Python's cryptography, so that the verifier is not only held against its own kin.
// The private keys were thrown away. All tokens have sub "user_abc123", role "premium" and exp 1800003600.

enum Fixtures {
  /// The key file of all HS256 fixtures.
  static let secret = """
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    """

  /// An RSA key of 2048 bits.
  static let rsa = """
    {"kty":"RSA","kid":"rsa-1","alg":"RS256","use":"sig","n":"v0SbAVpBaKs8tHXAUCdBvCxg3w8QdcNtzuZqg3VLhr\
    _sW_cjBNXplDAcaUu1tcvZWsfUW2TqGRLVmH8HN109CxoAnza0IWTNK_i1Y0ogzrw0tZzWdj_e3oVb4epaac-R-cNyZ4hB3Qw_Qj\
    hkAxXjas-g4z2lxI9Hi95p4FVjbfNI-qrskMAL1uBKMFx4EgKL1o5UFiDz5rSuvWF7sY4ngW7ivgmvpdZ-ZM3hza4SZljfqRHrlm\
    UUV9GctCFv6DvPC_NZZyy5R-ipgO1QRlP1oer9jPpvOKZFhRCk647Y-wpTPtyQVoL1-FyLwZL-pHN4xJMUz_RzB5j43xqMieUmHQ\
    ","e":"AQAB"}
    """

  /// The same key without `kid` and `alg`.
  static let rsaWithoutName = """
    {"kty":"RSA","n":"v0SbAVpBaKs8tHXAUCdBvCxg3w8QdcNtzuZqg3VLhr_sW_cjBNXplDAcaUu1tcvZWsfUW2TqGRLVmH8HN1\
    09CxoAnza0IWTNK_i1Y0ogzrw0tZzWdj_e3oVb4epaac-R-cNyZ4hB3Qw_QjhkAxXjas-g4z2lxI9Hi95p4FVjbfNI-qrskMAL1u\
    BKMFx4EgKL1o5UFiDz5rSuvWF7sY4ngW7ivgmvpdZ-ZM3hza4SZljfqRHrlmUUV9GctCFv6DvPC_NZZyy5R-ipgO1QRlP1oer9jP\
    pvOKZFhRCk647Y-wpTPtyQVoL1-FyLwZL-pHN4xJMUz_RzB5j43xqMieUmHQ","e":"AQAB"}
    """

  /// The same key as PEM.
  static let rsaPEM = """
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAv0SbAVpBaKs8tHXAUCdB
    vCxg3w8QdcNtzuZqg3VLhr/sW/cjBNXplDAcaUu1tcvZWsfUW2TqGRLVmH8HN109
    CxoAnza0IWTNK/i1Y0ogzrw0tZzWdj/e3oVb4epaac+R+cNyZ4hB3Qw/QjhkAxXj
    as+g4z2lxI9Hi95p4FVjbfNI+qrskMAL1uBKMFx4EgKL1o5UFiDz5rSuvWF7sY4n
    gW7ivgmvpdZ+ZM3hza4SZljfqRHrlmUUV9GctCFv6DvPC/NZZyy5R+ipgO1QRlP1
    oer9jPpvOKZFhRCk647Y+wpTPtyQVoL1+FyLwZL+pHN4xJMUz/RzB5j43xqMieUm
    HQIDAQAB
    -----END PUBLIC KEY-----

    """

  /// Another RSA key.
  static let otherRSA = """
    {"kty":"RSA","kid":"rsa-2","n":"iK0ueLfPGe0OI0WjYb9b0GucQW8XgErV71wg7h2sXLjoAO9i4wC7p34H7V_3onmE_aNC\
    QrS_QR3IjXVnqTHv3quR9JCfI_1TdfOOyx2UZOV4JPUla7hOK3KLt0Mb98DD4VJ5mjXPnLxN7DY-_tecEMV5oQXHyX2te3cX5iRy\
    tmpy4_lzhooIw6Bk9DHm5PqyecUFusoTwJyNN-4EDT-fmlrSCuxZPAGcy0rTwWF-wv83CGkdI222zQaRBEUSUg9DA7micjvie5bg\
    lg9RnZeBtvaiYRknVOWGe3jn-6a-GyWRMLRcujB2uOI9MWVQGEr9Vmd1IqXWGqjz32kiu1YB7Q","e":"AQAB"}
    """

  /// An RSA key of 1024 bits.
  static let shortRSA = """
    {"kty":"RSA","kid":"short","n":"2oYCmC10BgwuNwhHRdjVI6p9sDQOjjTeZxaGrc1EWmJElAA76GkOgM6XUxmjlzZQQxkr\
    Gzrxa5nSNodcgZ0zgx1QmydNF5MfE3rocUeZbJgP7hXUSulhC2XFetkUDv0TPjZvhAnCO55g9T36hXVWUj6Mr88kJdumgqEfPP6y\
    uAE","e":"AQAB"}
    """

  /// A key on P-256.
  static let elliptic = """
    {"kty":"EC","kid":"ec-1","alg":"ES256","crv":"P-256","x":"EDvAJyhKhkok7QGvNqM8yFhCn7GC5N6h2rWYfzydNV\
    Q","y":"hKHefu3P5lNtR8J-x2F6Y8urhAtSqzFpt-shS7XhkPQ"}
    """

  /// The same key without `kid` and `alg`.
  static let ellipticWithoutName = """
    {"kty":"EC","crv":"P-256","x":"EDvAJyhKhkok7QGvNqM8yFhCn7GC5N6h2rWYfzydNVQ","y":"hKHefu3P5lNtR8J-x2F\
    6Y8urhAtSqzFpt-shS7XhkPQ"}
    """

  /// Another key on P-256.
  static let otherElliptic = """
    {"kty":"EC","kid":"ec-2","crv":"P-256","x":"dwNsMvU-1iZH0WnVQoP7sUHaDrZtQtAj9PSUFEPNsgo","y":"vd5xQ4\
    tnqpnQ_ug5FwRvK3u1IsWdG5NkRUtrugcgdB0"}
    """

  /// A key on P-384.
  static let elliptic384 = """
    {"kty":"EC","kid":"ec-384","crv":"P-384","x":"Rz4ISYr0kW6RBCOI5rvPTytkv5eCy0gszn64iZQkyLcJYnKqlxchik\
    11IgmL0Yie","y":"LE8ifZ06x_TjDkfH0KXTNHZW-e31V4rwggwEXy37vnUR9lACUWR2myLNbLSuxSQe"}
    """

  /// A key on Ed25519.
  static let edwards = """
    {"kty":"OKP","kid":"ed-1","alg":"EdDSA","crv":"Ed25519","x":"SHOKQ9ZzRzVFNLYBeMO948F7akLM2hXuTFdOUKC\
    Xd-4"}
    """

  /// The same key without `kid` and `alg`.
  static let edwardsWithoutName = """
    {"kty":"OKP","crv":"Ed25519","x":"SHOKQ9ZzRzVFNLYBeMO948F7akLM2hXuTFdOUKCXd-4"}
    """

  /// Another key on Ed25519.
  static let otherEdwards = """
    {"kty":"OKP","kid":"ed-2","crv":"Ed25519","x":"UNb0fmiU7tlDO0Byv_4ZoE9FFc0pK5rwZy-Z2TOHSeg"}
    """

  /// HS256 with the secret.
  static let hs256 = """
    eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.9uEMoeyP3uHdUlCf19oIIyVUXBXQRMouTURv0m95dIs
    """

  /// HS384 with the secret.
  static let hs384 = """
    eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.mZ3AJB3TxR-sLOFHq6Dqgs5y0wJgpTHHXZXoWV4zDxe1RcGl4fZqgYRiQwjOVGgx
    """

  /// HS512 with the secret.
  static let hs512 = """
    eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.8fXP-wzsHLDkKPDqDYcLZleDuOMTlP79Epy_hHnHH8CpIhlyagwFeYk0V8EA52PD-ZQTbB3asajyg8SFPP3W7Q
    """

  /// RS256 with the RSA key and its `kid`.
  static let rs256 = """
    eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAw\
    MzYwMCwicm9sZSI6InByZW1pdW0ifQ.XkvGxd7TeE3XUATWiFayNTAPGlGFd3Bh8N43GS9Nfd-LmO551b8FhcGX8UaXF7dWVk7H-\
    805Ajg-_g393nXprraUBgn7Iz9rcJ2ILWsa2WcLgI0AIX5f3yGPmNbniQWYMscEa5XOVoVjbnaEYm8OgToqcegLXnQWRcX6RKMKx\
    9zG1vEHfIYV4yxIUJLVufupOmloeCXWditv5phMyA1BaDstsrSmYuOh04qkejiqC4QKkfWLkydn05JpMnFEBdmHHOG4RSiMujRFj\
    y9G0y2weE5MohHefEZSaRy3xyRer6ijTpwVJrtt_QPQVb8T22u5jQVNkifq6uO154QGOdliIw
    """

  /// RS256 with the RSA key, no `kid`.
  static let rs256WithoutName = """
    eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.tUiRs8TUmovERPE-w8Iqjnh_rnup-WsfOm6gSQk7WyG0I05SagFecK5NlHXUY2wPP7kW9Ufk0KSItaKPRheGD2fd\
    vqdaAffkDJ5iXvyDfosJMXxZ-XIXLCWddHMO59qkgWU_StsCWws0v9Sw3vs50So626TUYiNEdnTXXzkI2PhpdHP5d0OmTNHkmfOE\
    YbWadLTt_Vj-gFWRpLYc5WIkD5pV5bvJiaC4c_D48T0boRvSfilRCL2TrSF2eRo0KHHDHEbyPkxzq0nfhEvi0RSXQagtb4fGxhX6\
    h3Y-9FN_umde9EmWC19q6kpmu1Wli3_9WQ1KmJkxIXOxKgr71LDxNA
    """

  /// RS256 with the other RSA key, no `kid`.
  static let rs256OfOther = """
    eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.So1lwhAyR45rDHqBmPjttAgHRwLLowjqyymJXvXs1lXB0vCV8voD-gXPJ8ifD6dBQggVIPI81eXeNddicdM0pmws\
    pJ9kMGL6RVEtS3kV0pP2OGPx4crfmVugtuRw9Y-ZoBiGM2FJK1uLgkIH95IYKWg0Rgx2uRezHdDD87tCAoBYrMSDqvC2HPfMPULI\
    yGJBcvMwcB377nMI7a3QtD95sTVtnCIwKAnUuaPlEl25ZDP-9zyRaSF7EHQr3trWtzbsjRtP8l8VtzKIc6-bgRVC1cwVB29XHpQ0\
    roxQb6IKTs83z0K8D5ZqTttZJVG-UVnmI8l-Ty-LViUyKjDoV1Kq5Q
    """

  /// RS256 with the other RSA key and the `kid` of the first.
  static let rs256WithWrongName = """
    eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAw\
    MzYwMCwicm9sZSI6InByZW1pdW0ifQ.XCRpmhREDrFFCM77TLNyvLAmGdNzQp1XdzXHOkjVkSbwVoosM8fs-MY4T-rGr-sZwcNtB\
    QyAheblAjD1vl8x3xfxvJCPXG_IECTcYgIhGk6dlQg8AkMAQeqLk6EqxfGCq3vi1ng4K9A2KU5qjMpcrYEVGh4AUxdI-FjzPeN7L\
    9mMI4bwkWXNWYt9gqpaRp245H67npEGSvUxoIvXtnqTiB7m0Dthohf1QFrVT1TbhbDPqJG2l-1nUXKACHEPFs14zjz7w1_CyInjp\
    RzMcbQh1ssoV_2PDJJfVRWBcJTjfYWg_w7VHertXzcNaQ6ZewgK_hJAQ0q6Xi40JCRiGt1q0w
    """

  /// RS512 with the RSA key.
  static let rs512 = """
    eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAw\
    MzYwMCwicm9sZSI6InByZW1pdW0ifQ.FRT09kExi0uQ30eH-_XHTS_Oyhp8VMaS1oxf8b0GnzH8DvZXNbfHJp6bWca5kk4W-dSdl\
    _H7tF94d4B12e_5cB9MkVN2NAis16OaqbiR9szRKMBcH6e9jG74-EaVQ5h0PoD0JEfWVvplxl9U6V8hVXnEj-b4TlSMwsHxUAu6g\
    uqyGlgAOTqoQAxODJPG8Gm96rl5W2Tdo92tiZzqLoajOSGkcg1AdJVKZdFcD4gO4780EvbEycMIADpiHpJ7X-x1oBo25fYzDj4Rq\
    OqM-kFUoxGQm5bFya6FQ_nG5Hc1brth5eIXnnEDbzqu9bUtUGSizG-QIlFOrmMz3nOsToN0UQ
    """

  /// PS256 with the RSA key.
  static let ps256 = """
    eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAw\
    MzYwMCwicm9sZSI6InByZW1pdW0ifQ.WwldXqAj5gKuO-vZNKYy41PN63toE4-BrdK1RXhokE0_XwgrAFntKa6MugW7byW2wcxEq\
    7hNHSEzK29Xlhjecv74oF6FzpLVcQcn_r3NWcz_IuVNxuJmNNmjANU1nSRaWJbC4uRzNQpvjGWO7kcjCD2RQSJBz9ncTdYMoGqBa\
    PRZKLw9yDpCz38fcSQ3kiYwd9LUO-Qq6x8G52Td1PuNKS9slniD8ShIE7mJx23yMxUtW_ZQ8eVLDjLUCjcoLulpXT61Pav0e6otu\
    MN66Ewoo5xfL02S-OSukFDqnt4JrI2zrAU1a7D1ob7gDp1fjpfD6zOsnaAb1fMQ2sr2YH8HcA
    """

  /// ES256 with the key on P-256 and its `kid`.
  static let es256 = """
    eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjLTEiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwM\
    zYwMCwicm9sZSI6InByZW1pdW0ifQ.s6JwIlYer8Fj7gI2Dtc5IOHInOKTvHbGaqRUab8pA6m_dFvXaEj1d8KgUopHATaMO5wwHL\
    aVXdPk_VN6Xs4DNg
    """

  /// ES256 with the key on P-256, no `kid`.
  static let es256WithoutName = """
    eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.-RKbrdveZZDPETT74D-Xn4Ck6IDPTHUTj5-C7EWiq2EZPzxT7q-9ey7naTRk0FGG_gXlm7MISnLNVseDSVrO_g
    """

  /// ES384 with the key on P-384.
  static let es384 = """
    eyJhbGciOiJFUzM4NCIsImtpZCI6ImVjLTM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDA\
    wMzYwMCwicm9sZSI6InByZW1pdW0ifQ._1dC3p6O0eu6slaXgK1T17cptoBANa_Qnq8dNQokCHfwZ8ml1__lmZjvzAet34qFRoBS\
    JN7RSFa5ue80dVonQViLbZ-xWozTGvLb7QY8SHWSCdSFSRqOlUMZSz-lMg_-
    """

  /// EdDSA with the key on Ed25519 and its `kid`.
  static let edDSA = """
    eyJhbGciOiJFZERTQSIsImtpZCI6ImVkLTEiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwM\
    zYwMCwicm9sZSI6InByZW1pdW0ifQ.pOo80OZyytW1g7t3V3k-2-KBUv7zrajpxo0rBO2ZPGcixxGuX_SpZXnYDxZ-WGY6derS02\
    HJrVtp292IKIm8Bw
    """

  /// EdDSA with the key on Ed25519, no `kid`.
  static let edDSAWithoutName = """
    eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYwMCwicm9sZSI6InB\
    yZW1pdW0ifQ.aUbUGdvjfDugz650Z6rdiZi6B9GHNyzu4ugrRkdU5GazRLerCmiN-ze61_lygAvDj1dM9xgJrpGIQ-zj7W5zAA
    """

  /// EdDSA with a key that only its own header holds (`jwk`).
  static let withEmbeddedKey = """
    eyJhbGciOiJFZERTQSIsImp3ayI6eyJjcnYiOiJFZDI1NTE5Iiwia3R5IjoiT0tQIiwieCI6IlVOYjBmbWlVN3RsRE8wQnl2XzRa\
    b0U5RkZjMHBLNXJ3WnktWjJUT0hTZWcifSwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyX2FiYzEyMyIsImV4cCI6MTgwMDAwMzYw\
    MCwicm9sZSI6InByZW1pdW0ifQ.XQJUVN7k6itKprDzbYEr8KDKIoPjTi3tpLteP5wSjoTIrUgMF6YtF5U1dpCovfE_hsdbrpkIt\
    Nfd4G3h5zQnCQ
    """
}
