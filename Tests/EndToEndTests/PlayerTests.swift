// Real players on a real video: they open the link, read the index wherever it lies, and seek.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Real players") struct PlayerTests {
  @Test(
    "ffprobe reads and ffmpeg seeks a video through its link, wherever its index lies",
    arguments: [("countdown_360p", 30.0), ("mandelbrot_360p", 24.0)])
  func ffmpeg(name: String, duration: Double) throws {
    let box = try Box(["downloads": ["chunk_size": "\"64KiB\""]])
    let ann = try box.user("ann")
    var title = Title(size: 0)
    title.bytes = try Bytes(file: "\(Paths.package)/Sources/larder/Demo/Videos/\(name).mp4")
    title.quality = "360p"
    try box.origin.put(title)
    let id = try ann.fetch(title)
    let link = try #require(try ann.expect(200, "POST", "/api/downloads/\(id)/play-url").url?.text)
    let url = "http://127.0.0.1:\(box.port)\(link)"

    let probe = try Program.run(
      "/usr/bin/ffprobe",
      ["-v", "error", "-show_entries", "format=duration:stream=codec_name,width,height", "-of", "json", url])
    #expect(probe.ending == .exited(0), "\(probe.errors)")
    let facts = try JSON(probe.output.utf8)
    #expect(facts.format?.duration?.text.flatMap { Double($0) } == duration)
    #expect(facts.streams?.array?.compactMap(\.codec_name?.text) == ["h264", "aac"])

    // The picture at a time, through the box and from the file: the same, bit for bit.
    for time in ["0", "7.5", "19"] {
      let through = try picture(at: time, of: url)
      let direct = try picture(at: time, of: "\(Paths.package)/Sources/larder/Demo/Videos/\(name).mp4")
      #expect(through.contains("MD5="))
      #expect(through == direct, "at \(time) s")
    }
    let whole = try Program.run("/usr/bin/ffmpeg", ["-v", "error", "-xerror", "-i", url, "-f", "null", "-"])
    #expect(whole.ending == .exited(0), "\(whole.errors)")
    #expect(whole.errors.isEmpty)
  }

  private func picture(at time: String, of input: String) throws -> String {
    let result = try Program.run(
      "/usr/bin/ffmpeg", ["-v", "error", "-ss", time, "-i", input, "-frames:v", "1", "-map", "0:v", "-f", "md5", "-"])
    guard result.ending == .exited(0) else { throw RigFailure("ffmpeg: \(result.errors)") }
    return result.output
  }
}
