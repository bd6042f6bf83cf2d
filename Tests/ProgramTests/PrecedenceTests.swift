// Who plays goes first at the disk.

import Cache
import Foundation
import Glibc
import Synchronization
import Testing

@testable import larder

@Suite struct PrecedenceTests {
  @Test("a write waits while a viewer waits for the disk, and no longer")
  func gives() {
    let precedence = Precedence()
    #expect(!precedence.isWanted)
    precedence.readBegan()
    #expect(precedence.isWanted)
    let isReading = Atomic<Bool>(true)
    // It ends a moment after the write has begun to wait.
    let reader = Thread {
      usleep(5000)
      isReading.store(false, ordering: .sequentiallyConsistent)
      precedence.readEnded()
    }
    reader.start()
    var metAReader: Bool?
    precedence.giveWay { metAReader = isReading.load(ordering: .sequentiallyConsistent) }
    #expect(metAReader == false)
    #expect(precedence.isWanted, "players come back")
  }

  @Test("a fill never stands still, however many play")
  func goesOn() {
    let precedence = Precedence()
    precedence.readBegan()
    var isWritten = false
    precedence.giveWay { isWritten = true }
    #expect(isWritten)
  }

  @Test("what a write throws comes through")
  func throwing() {
    #expect(throws: DiskError.self) {
      try Precedence().giveWay { () throws(DiskError) in throw DiskError("write", EIO) }
    }
  }

  @Test("the syncer rests while somebody plays from the disk, unless somebody waits for what comes in")
  func rests() {
    let precedence = Precedence()
    #expect(!precedence.rest(least: 1), "nobody plays")
    precedence.readBegan()
    precedence.awaitedBegan()
    #expect(!precedence.rest(least: 1), "somebody waits")
    precedence.awaitedEnded()
    #expect(precedence.rest(least: 1))
  }

  @Test("a block that somebody waits for is held up by none before it")
  func overtakes() {
    let precedence = Precedence()
    precedence.readBegan()
    precedence.awaitedBegan()
    #expect(!precedence.giveWay {})
    precedence.awaitedEnded()
    #expect(precedence.giveWay {})
  }
}
