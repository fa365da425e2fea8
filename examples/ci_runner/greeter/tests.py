"""Tests of the greeter."""

import unittest

from greeter.greet import greeting


class Greeting(unittest.TestCase):
    def test_it_has_the_name(self) -> None:
        self.assertEqual(greeting("you"), "Hello, you!")
