// Ends a case that hangs.
#ifndef CONFORMANCE_WATCHDOG_HPP
#define CONFORMANCE_WATCHDOG_HPP

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

namespace conformance {

// Ends the process with 1 and the step that it is at, unless it is destroyed within the time of a case.
class Watchdog {
public:
    Watchdog() : thread_([this] { run(); }) {}
    ~Watchdog() {
        {
            const std::lock_guard<std::mutex> guard(lock_);
            done_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    void at(const std::string &step) {
        const std::lock_guard<std::mutex> guard(lock_);
        step_ = step;
    }

private:
    static constexpr std::chrono::seconds TIMEOUT{30};

    void run() {
        std::unique_lock<std::mutex> lock(lock_);
        if (changed_.wait_for(lock, TIMEOUT, [this] { return done_; })) return;
        std::printf("%s\n  did not end within 30 s\n", step_.c_str());
        std::fflush(stdout);
        std::_Exit(1);
    }

    std::mutex lock_;
    std::condition_variable changed_;
    bool done_ = false;
    std::string step_;
    std::thread thread_;  // last, because it uses the others
};

}  // namespace conformance

#endif
