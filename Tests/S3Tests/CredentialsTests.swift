// Credentials: the file as the AWS tools write it, faults by their line, and the environment.

import Testing

@testable import S3

@Suite("Credentials")
struct CredentialsTests {
  static let file = """
    # comment
    ; another
    [default]
    aws_access_key_id = AKDEFAULT
    aws_secret_access_key=se/cr+et==   # a comment
    region = us-east-1
    s3 =
      max_concurrent_requests = 20
      nonsense without equals

    [profile dev]  ; as in the config file
    AWS_ACCESS_KEY_ID = AKDEV
    aws_secret_access_key = dev#secret
    aws_session_token = tok;en
    [sso-session x]
    aws_access_key_id = AKSSO
    [default]
    aws_session_token =
    [half]
    aws_access_key_id = AKHALF
    [empty]
    aws_access_key_id =
    aws_secret_access_key = x
    [spaced]
    aws_access_key_id = AK
    aws_secret_access_key = two words
    """

  @Test("Profiles are found, however their section is written", arguments: ["\n", "\r\n"])
  func profiles(newline: String) throws {
    let text = "\u{FEFF}" + Self.file.replacing("\n", with: newline)
    let standard = try Credentials.load(text)
    #expect(standard.accessKeyID == "AKDEFAULT" && standard.secretAccessKey == "se/cr+et==")
    #expect(standard.sessionToken == nil)
    let dev = try Credentials.load(text, profile: "dev")
    #expect(dev.accessKeyID == "AKDEV" && dev.secretAccessKey == "dev#secret" && dev.sessionToken == "tok;en")
  }

  @Test("Of a key given twice the last counts")
  func twice() throws {
    let text = "[a]\naws_access_key_id=1\naws_secret_access_key=s\n[profile a]\naws_access_key_id=2"
    #expect(try Credentials.load(text, profile: "a").accessKeyID == "2")
  }

  @Test("A section of another tool may come first")
  func otherSection() throws {
    let text = "[sso-session x]\nsso_region = y\n[default]\naws_access_key_id=1\naws_secret_access_key=s"
    #expect(try Credentials.load(text).accessKeyID == "1")
  }

  @Test("Faults name their line and repeat no secret")
  func faults() {
    let table: [(String, String, Int?, String)] = [
      (Self.file, "nobody", nil, "no profile [nobody]; it has default, dev, half, empty, spaced"),
      (Self.file, "x", nil, "no profile [x]"), (Self.file, "half", nil, "[half] has no aws_secret_access_key"),
      (Self.file, "empty", 22, "aws_access_key_id is empty"), (Self.file, "spaced", 26, "secret access key"),
      ("", "default", nil, "no profile [default]; it has none"),
      ("aws_access_key_id = topsecret", "default", 1, "aws_access_key_id stands before any [section]"),
      ("topsecret = topsecret", "default", 1, "a key stands before any [section]"),
      ("[default]\ntopsecret", "default", 2, "neither a [section] nor key = value"),
      ("\n\n[default", "default", 3, "[ without ]"), ("[default] topsecret", "default", 1, "behind the section's ]"),
      ("[]", "default", 1, "without a name"), ("[default]\n= topsecret", "default", 2, "without a key"),
      ("[default]\naws_access_key_id = a/b\naws_secret_access_key = topsecret", "default", 2, "access key ID"),
      (
        "[default]\naws_access_key_id = a\naws_secret_access_key = s\naws_session_token = tops\u{E9}cret", "default", 4,
        "session token"
      ),
    ]
    for (text, profile, line, reason) in table {
      let error = #expect(throws: CredentialsError.self) { try Credentials.load(text, profile: profile) }
      #expect(error?.line == line, "\(reason)")
      #expect(error?.description.contains(reason) ?? false, "\(String(describing: error))")
      #expect(!(error?.description.contains("topsecret") ?? true))
    }
    #expect(CredentialsError(line: 3, "x").description == "line 3: x")
  }

  @Test("The environment gives both halves or none")
  func environment() throws {
    #expect(try Credentials.load(environment: [:]) == nil)
    #expect(try Credentials.load(environment: ["AWS_ACCESS_KEY_ID": "", "AWS_SESSION_TOKEN": "t"]) == nil)
    let pair = ["AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "s"]
    #expect(try Credentials.load(environment: pair) == Credentials(accessKeyID: "AK", secretAccessKey: "s"))
    let withToken = pair.merging(["AWS_SESSION_TOKEN": "t"]) { $1 }
    #expect(try Credentials.load(environment: withToken)?.sessionToken == "t")
    for name in pair.keys {
      let error = #expect(throws: CredentialsError.self) {
        try Credentials.load(environment: pair.filter { $0.key == name })
      }
      #expect(error?.description.hasPrefix("\(name) is set, but") ?? false)
    }
    for bad in ["a b", "a\n", "é"] {
      #expect(throws: CredentialsError.self) {
        try Credentials.load(environment: pair.merging(["AWS_SECRET_ACCESS_KEY": bad]) { $1 })
      }
    }
  }

  @Test("Any text is read or refused, never worse")
  func anyText() {
    let scraps = [
      "[default]", "[", "]", "=", "#", ";", " ", "\t", "\n", "\r\n", "aws_access_key_id", "é", "\u{301}", "x",
    ]
    var generator = Seeded(15)
    var refused = 0
    for _ in 0..<500 {
      let text = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
        scraps.randomElement(using: &generator) ?? ""
      }
      do { _ = try Credentials.load(text.joined()) } catch { refused += 1 }
    }
    #expect(refused == 500)  // no scrap spells aws_secret_access_key
  }
}
