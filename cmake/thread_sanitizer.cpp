// For programs that search documents. hnswlib locks points in the order in which it meets them, so that two threads
// that add points could wait for each other. Here one at a time uses an index (knowledge/store.hpp), of which the
// sanitizer knows nothing.
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "detect_deadlocks=0"; }
#endif
#endif
