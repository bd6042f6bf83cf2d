// S3-FIFO (Yang and others, SOSP 2023), as libCacheSim has it: what is wanted once leaves soon.

/// A small queue for what is new, a main one for what was wanted again, and a memory of what left the small one.
struct S3FIFO: Policy {
  private let capacity: Int
  private let smallCapacity: Int
  private let mainCapacity: Int
  private let ghostCapacity: Int
  /// So many times an object must have been wanted in the small queue to get into the main one.
  private static let threshold: UInt8 = 2

  private var small: Queue
  private var main: Queue
  /// What was given up lately: it takes no room, and gets into the main queue when it is wanted again.
  private var ghosts: Queue
  private var wants: [UInt8]
  private var hasEvicted = false

  init(capacity: Int, objects: Int) {
    self.capacity = capacity
    smallCapacity = Int(Double(capacity) * 0.1)
    mainCapacity = capacity - smallCapacity
    ghostCapacity = Int(Double(capacity) * 0.9)
    small = Queue(objects: objects)
    main = Queue(objects: objects)
    ghosts = Queue(objects: objects)
    wants = Array(repeating: 0, count: objects)
  }

  mutating func want(_ event: Event) -> Bool {
    let object = event.object
    if small.contains(object) || main.contains(object) {
      if wants[Int(object)] < .max { wants[Int(object)] += 1 }
      return true
    }
    let isGhost = ghosts.contains(object)
    if isGhost { ghosts.remove(object) }
    // An object that the small queue cannot hold is not taken; one that would fill it costs others their place even so.
    guard event.bytes <= smallCapacity else { return false }
    while small.bytes + main.bytes + event.bytes > capacity { evict() }
    wants[Int(object)] = 0
    if isGhost {
      main.append(object, bytes: event.bytes)
    } else if event.bytes < smallCapacity {
      if !hasEvicted, small.bytes >= smallCapacity {
        // Until the cache is full for the first time, the main queue takes what the small one does not.
        main.append(object, bytes: event.bytes)
      } else {
        small.append(object, bytes: event.bytes)
      }
    }
    return false
  }

  private mutating func evict() {
    hasEvicted = true
    if main.bytes > mainCapacity || small.bytes == 0 { evictFromMain() } else { evictFromSmall() }
  }

  private mutating func evictFromSmall() {
    while small.oldest != Links.none {
      let object = small.oldest
      let bytes = small.size(of: object)
      small.remove(object)
      guard wants[Int(object)] >= Self.threshold else { return remember(object, bytes: bytes) }
      wants[Int(object)] = 0
      main.append(object, bytes: bytes)
    }
  }

  private mutating func evictFromMain() {
    while main.oldest != Links.none {
      let object = main.oldest
      guard wants[Int(object)] > 0 else { return main.remove(object) }
      wants[Int(object)] = min(wants[Int(object)], 3) - 1
      main.renew(object)
    }
  }

  private mutating func remember(_ object: Int32, bytes: Int) {
    guard bytes <= ghostCapacity else { return }
    while ghosts.bytes + bytes > ghostCapacity { ghosts.remove(ghosts.oldest) }
    ghosts.append(object, bytes: bytes)
  }
}
